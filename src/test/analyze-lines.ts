import { analyzeDockerfile, type PlanOptions } from '../build/plan.js';

/** Analyses a Dockerfile of these lines, for linux/amd64 and with no context but the main one. */
export function analyzeLines(lines: readonly string[], options: Partial<PlanOptions> = {}) {
  return analyzeDockerfile({
    file: 'Dockerfile',
    bytes: Buffer.from(`${lines.join('\n')}\n`),
    target: undefined,
    platform: { os: 'linux', architecture: 'amd64' },
    excludes: [],
    named: new Map(),
    ...options,
  });
}
