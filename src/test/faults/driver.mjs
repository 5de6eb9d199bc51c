// The whole program, killed by itself (SIGKILL, as by the kernel) right before the step of a write that is the Nth of its run.
//   node driver.mjs N ARGUMENTS...      N = 0: not killed, and the steps are counted in the file $STEPS
import fs from 'node:fs';
import { main } from '../../../dist/cli/main.js';
import { observeWrites } from '../../../dist/util/atomic-write.js';

const [nth, ...argv] = process.argv.slice(2);
const steps = [];
observeWrites((step, path) => {
  steps.push(`${step} ${path}`);
  if (steps.length === Number(nth)) process.kill(process.pid, 'SIGKILL');
});
process.exitCode = await main(argv, process);
if (process.env.STEPS) fs.writeFileSync(process.env.STEPS, steps.join('\n'));
