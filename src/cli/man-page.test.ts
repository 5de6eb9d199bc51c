import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { COMMAND_LINES } from './command-table.js';
import { manPage } from './man-page.js';

const page = manPage('1.2.3-rc.1');

/** In CI it is there, and a test that is skipped has failed. */
const withMandoc = spawnSync('mandoc', ['-T', 'lint']).error ? test.skip : test;

function mandoc(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('mandoc', args, { input: page, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

withMandoc('mandoc finds nothing to say against the page', () => {
  expect(mandoc('-T', 'lint')).toBe('');
});

withMandoc('a reader sees every command with its options, and the words as they are in the help', () => {
  const shown = mandoc('-T', 'utf8', '-O', 'width=200').replace(/.\x08/g, '');
  for (const { topic, table } of COMMAND_LINES) {
    if (topic !== 'wbuild') expect(shown).toMatch(new RegExp(`^WBUILD .*\\b${topic.toUpperCase()}\\b`, 'm'));
    const lost = [...table.long.keys()].filter(
      (name) => name !== 'help' && !new RegExp(`^ +(-\\w, )?--${name}\\b`, 'm').test(shown),
    );
    expect(lost).toEqual([]);
  }
  expect(shown).toContain('wbuild 1.2.3-rc.1');
  expect(shown).toContain('wbuild completion bash > ~/.local/share/bash-completion/completions/wbuild');
  expect(shown).toContain("who may have signed the builder's certificate");
  expect(shown).toContain('wbuild verify --against sha256:4af3… --platform wasi/wasm .');
  expect(shown).not.toMatch(/\\/);
});

test('the page is the same bytes each time, and plain ASCII', () => {
  expect(manPage('1.2.3-rc.1')).toBe(page);
  expect(page).toMatch(/^[\n\x20-\x7e]*$/);
});
