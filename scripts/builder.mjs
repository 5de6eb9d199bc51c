#!/usr/bin/env node
// `npm run test:builder`: builds on a BuildKit daemon (src/test/builder), the one of a dockerd among the peers of ../shared/peers/up.sh.
// The same arguments as scripts/peers.mjs. In the environment of scripts/fuzz-daemon.sh, which sets up a newer dockerd, the parity corpus is built on one of those.
import { runPeersLane } from './peers-lane.mjs';

// the failures mostly wait, while the corpus builds
const { FUZZ_ROOTFS } = process.env;
if (FUZZ_ROOTFS) runPeersLane('newer', 'src/test/builder/parity', { env: { PEERS_ROOTFS: FUZZ_ROOTFS } });
else runPeersLane('builder', 'src/test/builder', { workers: '--maxWorkers=2' });
