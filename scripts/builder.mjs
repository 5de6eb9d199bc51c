#!/usr/bin/env node
// `npm run test:builder`: builds on a BuildKit daemon (src/test/builder), the one of a dockerd among the peers of ../shared/peers/up.sh.
// The same arguments as scripts/peers.mjs. In the environment of scripts/fuzz-daemon.sh, which sets up a newer dockerd, the parity corpus is built on one of those.
// With `--builder ADDR`, and --tlscacert, --tlscert, --tlskey, --tlsservername, it is built on that one, which must be able to build all of it.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { runPeersLane } from './peers-lane.mjs';
import { runJest } from './results.mjs';

const text = { type: 'string' };
const options = { builder: text, tlscacert: text, tlscert: text, tlskey: text, tlsservername: text };
const { values } = parseArgs({ options, strict: false, allowPositionals: true });

// the failures mostly wait, while the corpus builds
const { FUZZ_ROOTFS } = process.env;
if (values.builder !== undefined) {
  const file = (name) => name && path.resolve(name);
  const builder = {
    addresses: values.builder,
    tlsCaCert: file(values.tlscacert),
    tlsCert: file(values.tlscert),
    tlsKey: file(values.tlskey),
    tlsServerName: values.tlsservername,
  };
  const args = ['--runInBand', '--testPathPatterns', 'src/test/builder/parity'];
  process.exitCode = runJest('buildkitd', args, { PARITY_BUILDER: JSON.stringify(builder) });
} else if (FUZZ_ROOTFS)
  runPeersLane('newer', 'src/test/builder/parity', { env: () => ({ PEERS_ROOTFS: FUZZ_ROOTFS }) });
else runPeersLane('builder', 'src/test/builder', { workers: '--maxWorkers=2' });
