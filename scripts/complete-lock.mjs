#!/usr/bin/env node
// Completes package-lock.json after a change of dependencies. A registry mirror may lack optional packages for platforms that nobody near it
// uses; npm then leaves them out of the lockfile, and `npm ci` refuses it, everywhere. This adds them, by name and version, for the platform
// that their name says: where the platform is another, npm does not ask for them.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './results.mjs';

const file = path.join(ROOT, 'package-lock.json');
const lock = JSON.parse(fs.readFileSync(file, 'utf8'));

/** '@scope/tool-linux-x64-musl' → the fields by which npm chooses. */
function platformOf(name) {
  const match =
    /-(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(-\w+)?$/.exec(
      name,
    );
  if (!match) throw new Error(`${name}: optional, not in the lockfile, and not for one platform`);
  const [, os, cpu, abi = ''] = match;
  const libc = os === 'linux' ? { libc: [abi.startsWith('-musl') ? 'musl' : 'glibc'] } : {};
  return { os: [os], cpu: [cpu], ...libc };
}

for (const [at, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (lock.packages[`node_modules/${name}`] || lock.packages[`${at}/node_modules/${name}`]) continue;

    lock.packages[`node_modules/${name}`] = { version, ...(dev ? { dev } : {}), optional: true, ...platformOf(name) };
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
fs.writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
