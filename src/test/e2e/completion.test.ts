/** `wbuild completion`: what real shells offer with its scripts. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { useRig } from '../rig.js';
import { hasTerminal, onTerminal } from '../terminal.js';

const rig = useRig();

/** In CI all are there, and a test that is skipped has failed. */
const withShell = (shell: string) => (spawnSync(shell, ['-c', 'true']).error || !hasTerminal ? test.skip : test);

beforeEach(() => rig.write({ 'app/Dockerfile': '', 'app/x.tar': '', 'other.tar': '' }));

/** What is typed, up to the cursor, and what is offered. */
const CASES: readonly (readonly [typed: string, offered: readonly string[]])[] = [
  ['wbuild ver', ['verify', 'version']],
  ['wbuild comp', ['completion']],
  ['wbuild cache ', ['du', 'ls', 'prune', 'verify']],
  ['wbuild builder pr', ['prune']],
  ['wbuild --progress p', ['plain']],
  ['wbuild build --progress ', ['auto', 'plain', 'quiet', 'rawjson', 'tty']],
  ['wbuild llb --format ', ['dot', 'json', 'mermaid', 'pb', 'text']],
  ['wbuild check --format s', ['sarif']],
  ['wbuild verify --require d', ['diff-ids']],
  ['wbuild build --meta', ['--metadata-file']],
  ['wbuild verify --per', ['--perturb']],
  ['wbuild cache prune --max', ['--max-size']],
  ['wbuild run --wr', ['--writable']],
  ['wbuild save --type ', ['docker', 'oci']],
  ['wbuild completion ', ['bash', 'fish', 'zsh']],
  ['wbuild help bui', ['build', 'builder']],
  ['wbuild -o type=o', ['type=oci']],
  ['wbuild -f app/D', ['app/Dockerfile']],
];

/** Scripts of a run of the built program, one for each shell. */
const scripts = new Map<string, string>();

async function script(shell: string): Promise<string> {
  const known = scripts.get(shell);
  if (known !== undefined) return known;
  const { code, stdout, stderr } = await rig.run(['completion', shell]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  scripts.set(shell, stdout);
  return stdout;
}

describe('bash', () => {
  /** Takes lines apart as readline does, and gives for each what replaces its last word. */
  async function offered(lines: readonly string[]): Promise<Record<string, readonly string[]>> {
    fs.writeFileSync(rig.path('wbuild.bash'), await script('bash'));
    const asked = lines.map((typed) => {
      const words = typed.split(/\s+|(?<=[=:])|(?=[=:])/);
      const list = words.map((word) => `'${word}'`).join(' ');
      return `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _wbuild; printf '%s\\n' "\${COMPREPLY[@]}"; echo ---`;
    });
    const program = ['source ./wbuild.bash', ...asked].join('\n');
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', program], { cwd: rig.dir, encoding: 'utf8' });
    expect(stderr.replace(/^.*compopt: not currently executing.*\n/gm, '')).toBe('');
    const answers = stdout.split('---\n').map((part) => [...new Set(part.split('\n').filter(Boolean))].sort());
    return Object.fromEntries(lines.map((typed, i) => [typed, answers[i]!]));
  }

  test('offers commands, options and values', async () => {
    // only what is behind the last = or : is replaced
    const expected = CASES.map(([typed, words]) => [typed, words.map((word) => word.replace(/^type=/, ''))]);
    expect(await offered(CASES.map(([typed]) => typed))).toEqual(Object.fromEntries(expected));
  });

  test('options and values joined by =; folders for a context, files for an image', async () => {
    const expected = {
      'wbuild --progress=p': ['plain'],
      'wbuild --progress=': ['auto', 'plain', 'quiet', 'rawjson', 'tty'],
      'wbuild --output=type=o': ['oci'],
      'wbuild --file=app/D': ['app/Dockerfile'],
      'wbuild --metadata-file app/x': ['app/x.tar'],
      'wbuild a': ['app'],
      'wbuild check a': ['app'],
      'wbuild inspect o': ['other.tar'],
      'wbuild -t ': [],
    };
    expect(await offered(Object.keys(expected))).toEqual(expected);
  });

  (hasTerminal ? test : test.skip)('readline completes a line that is typed', async () => {
    fs.writeFileSync(rig.path('wbuild.bash'), await script('bash'));
    const typing = 'wbuild --progress=pl\t\nwbuild -o type=oc\t,dest=x .\nexit\n';
    const out = await terminal(
      ['bash', '--norc', '-i'],
      `source ./wbuild.bash; wbuild() { printf '<%s>' "$@"; echo; }\n${typing}`,
    );
    expect(out).toContain('<--progress=plain>');
    expect(out).toContain('<-o><type=oci,dest=x><.>');
  });
});

describe('zsh', () => {
  withShell('zsh')('completes a line that is typed', async () => {
    fs.mkdirSync(rig.path('functions'));
    fs.writeFileSync(rig.path('functions/_wbuild'), await script('zsh'));
    const start = [
      `fpath=(${rig.path('functions')} $fpath); autoload -U compinit; compinit -u -D`,
      'wbuild() { printf \'<%s>\' "$@"; echo }',
    ].join('; ');
    // a person's speed: one of each kind is enough
    const kinds = /comp$|builder pr|--progress p|--max$|type=o|app/;
    const unique = CASES.filter(([typed, list]) => list.length === 1 && kinds.test(typed));
    const typing = unique.map(([typed]) => `${typed}\t\n`).join('');
    const out = await terminal(['zsh', '-f', '-i'], `${start}\n${typing}exit\n`);
    for (const [typed, [word]] of unique) {
      const words = [...typed.split(' ').slice(1, -1), word]; // what the shell then calls
      expect(out).toContain(words.map((w) => `<${w}>`).join(''));
    }
  });

  withShell('zsh')('lists commands with what they do', async () => {
    fs.writeFileSync(rig.path('_wbuild'), await script('zsh'));
    const start = `autoload -U compinit; compinit -u -D; source ${rig.path('_wbuild')}`;
    const out = await terminal(['zsh', '-f', '-i'], `${start}\nwbuild cache \t\x15exit\n`);
    expect(out).toMatch(/prune +-- remove what nothing refers to/);
  });
});

withShell('fish')('fish offers commands, options and values', async () => {
  fs.writeFileSync(rig.path('wbuild.fish'), await script('fish'));
  const program = ['source ./wbuild.fish', ...CASES.map(([typed]) => `complete -C '${typed}'; echo ---`)].join('\n');
  const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', program], {
    cwd: rig.dir,
    encoding: 'utf8',
    env: { ...process.env, HOME: rig.path('..', 'home') },
  });
  expect(stderr).toBe('');
  const answers = stdout.split('---\n').map((part) => part.split('\n').map((line) => line.replace(/\t.*/, '')));
  const offered = CASES.map(([typed], i) => {
    const begun = typed.split(' ').at(-1)!; // fish also offers what only contains it
    return [typed, answers[i]!.filter((word) => word !== '' && word.startsWith(begun)).sort()];
  });
  expect(Object.fromEntries(offered)).toEqual(Object.fromEntries(CASES));
});

async function terminal(command: readonly string[], typed: string): Promise<string> {
  const options = { cwd: rig.dir, env: { HOME: rig.path('..', 'home'), PS1: '$ ' } };
  return (await onTerminal(command, typed, options)).shown;
}

test('another shell is refused', async () => {
  expect(await rig.run(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it is one of bash, zsh, fish'),
  });
  expect(await rig.run(['completion'])).toMatchObject({ code: 2 });
});
