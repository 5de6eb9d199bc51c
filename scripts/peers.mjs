#!/usr/bin/env node
// `npm run test:peers`: what other people's programs make of our images (src/test/peers), with the programs that ../shared/peers/up.sh and engines.sh set up.
//   --if-present   skip, and say why, where the peers cannot be had; never in CI (CI=true)
// Other arguments go to jest, as in `npm run test:peers -- -t skopeo`.
import { runPeersLane } from './peers-lane.mjs';
import { installEngines } from './start-peers.mjs';

runPeersLane('peers', 'src/test/peers', { env: installEngines });
