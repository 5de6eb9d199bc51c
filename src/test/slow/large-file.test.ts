/** A cause in a file that no memory could hold. */
import fs from 'node:fs';
import { expect, test } from '@jest/globals';

import { build } from '../../build/build-request.js';
import { useRig } from '../rig.js';

const rig = useRig();

test('one byte in a file of 500 MB, in less than 250 MB of memory: FileContent', async () => {
  const size = 500_000_000;
  const world = (byte: number) => {
    rig.write({ 'src/Dockerfile': 'FROM scratch\nCOPY big /\n', 'src/big': { size } });
    const fd = fs.openSync(rig.path('src/big'), 'r+');
    fs.writeSync(fd, Buffer.of(byte), 0, 1, 262_144_000);
    fs.closeSync(fd);
    fs.utimesSync(rig.path('src/big'), 1_700_000_000, 1_700_000_000);
  };
  world(1);
  await build({
    context: rig.path('src'),
    cacheDir: rig.cacheDir,
    outputs: [{ type: 'oci', dest: rig.path('a.tar'), compressionLevel: 1 }],
  });
  world(2);
  // the peak of the program's memory, as the kernel counted it
  rig.write({
    'peak.mjs': 'process.on("exit", () => process.stderr.write(`\\npeak ${process.resourceUsage().maxRSS}`))',
  });
  const { code, stdout, stderr } = await rig.run(['verify', '--against', 'a.tar', '--progress', 'quiet', 'src'], {
    env: { NODE_OPTIONS: `--import=${rig.path('peak.mjs')}` },
  });
  expect(code).toBe(3);
  expect(stdout.split('\n').filter((line) => /^\w+: /.test(line))).toEqual([
    expect.stringMatching(
      /^(FileContent: layer 1: big differs in 1 byte of 500000000, first at byte 262144000: 0x01 in the reference, 0x02 in the rebuild)$/,
    ),
  ]);
  expect(Number(/peak (\d+)$/.exec(stderr)?.[1]) / 1024).toBeLessThan(250);
}, 120_000);
