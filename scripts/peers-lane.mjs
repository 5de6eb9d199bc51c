// A lane of tests that need the peers: sets them up and runs jest.
import { clearResult, inCI, runJest } from './results.mjs';
import { obstacle, startPeers } from './start-peers.mjs';

const args = process.argv.slice(2).filter((arg) => arg !== '--if-present');
const maySkip = process.argv.includes('--if-present') && !inCI;

/** @param lane its name; @param tests where its tests are; @param workers as jest has them; @param env over that of the peers, called when they are up */
export function runPeersLane(lane, tests, { workers = '--runInBand', env = () => ({}) } = {}) {
  clearResult(lane);
  const reason = obstacle();
  if (reason === undefined) {
    process.exitCode = runJest(lane, [workers, ...args, '--testPathPatterns', tests], { ...startPeers(), ...env() });
  } else {
    console.log(`${lane}: ${maySkip ? 'skipped' : 'FAILED'}: ${reason}`);
    process.exitCode = maySkip ? 0 : 1;
  }
}
