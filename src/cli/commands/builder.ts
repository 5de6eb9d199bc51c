/** `wbuild builder ls|inspect|du|prune`: what BuildKit daemons say of themselves, and making their cache smaller. */
import type { BuilderAddress } from '../../buildkit/address.js';
import { BuilderClient, type BuilderInfo } from '../../buildkit/client.js';
import { openAddresses } from '../../buildkit/open-addresses.js';
import type { UsageRecord, WorkerRecord } from '../../buildkit/proto/control_pb.js';
import { BuildError } from '../../diagnostic/build-error.js';
import { printable } from '../../diagnostic/display.js';
import type { BuilderCommand } from '../builder-args.js';
import { EXIT, type ExitCode } from '../exit-code.js';
import type { CommandIo } from '../io.js';
import { humanAge, humanSize, table } from '../tables.js';

type Of<K extends BuilderCommand['kind']> = Extract<BuilderCommand, { readonly kind: K }>;

/** @throws BuildError `Usage`, `BuilderUnreachable`, `BuilderUntrusted`, `BuilderTooOld`, `BuilderFailed` */
export async function runBuilder(command: BuilderCommand, io: CommandIo): Promise<ExitCode> {
  const addresses = openAddresses(command.builder);
  if (command.kind === 'ls') return runLs(addresses, command.json, io);
  const client = await BuilderClient.connect(addresses[0]!);
  try {
    if (command.kind === 'inspect') return await runInspect(client, command.json, io);
    if (command.kind === 'du') return await runDu(client, command as Of<'du'>, io);
    return await runPrune(client, command as Of<'prune'>, io);
  } finally {
    client.close();
  }
}

/** Numbers of 64 bits become strings where JSON's numbers end. */
const json = (value: unknown) =>
  `${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? (Number.isSafeInteger(Number(v)) ? Number(v) : String(v)) : v), 2)}\n`;

interface Seen {
  readonly info: BuilderInfo;
  readonly workers: readonly WorkerRecord[];
}

async function look(client: BuilderClient): Promise<Seen> {
  const info = await client.info();
  return { info, workers: await client.workers() };
}

/** All that were asked, at once; one that does not answer is a line of its own. */
async function runLs(addresses: readonly BuilderAddress[], asJson: boolean, io: CommandIo): Promise<ExitCode> {
  const found = await Promise.all(
    addresses.map(async (address) => {
      try {
        const client = await BuilderClient.connect(address);
        try {
          return { address: address.shown, ...(await look(client)) };
        } finally {
          client.close();
        }
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        return { address: address.shown, error: error.message };
      }
    }),
  );
  const rows = found.map((b) =>
    'error' in b
      ? [b.address, 'down', '-', printable(b.error)]
      : [b.address, 'up', versionText(b.info), platformsOf(b.workers).join(', ')],
  );
  const all = found.map((b) => {
    if ('error' in b) return { address: b.address, up: false, error: b.error };
    return { address: b.address, up: true, ...b.info, platforms: platformsOf(b.workers) };
  });
  io.stdout.write(asJson ? json(all) : table(['BUILDER', 'STATUS', 'BUILDKIT', 'PLATFORMS'], rows));
  return found.some((b) => 'error' in b) ? EXIT.notHeld : EXIT.done;
}

function versionText({ version, dockerApi }: BuilderInfo): string {
  return `${printable(version) || 'unknown'}${dockerApi === undefined ? '' : ` (Docker API ${dockerApi})`}`;
}

function platformsOf(workers: readonly WorkerRecord[]): string[] {
  const all = workers.flatMap((w) => w.platforms);
  return [...new Set(all.map((p) => printable([p.os, p.architecture, p.variant].filter(Boolean).join('/'))))];
}

async function runInspect(client: BuilderClient, asJson: boolean, io: CommandIo): Promise<ExitCode> {
  const { info, workers } = await look(client);
  if (asJson) {
    const list = workers.map(({ id, labels, platforms, gcPolicy, version }) => {
      const policies = gcPolicy.map(({ $typeName: _, ...policy }) => policy);
      const own = platforms.map(({ os, architecture, variant }) => ({ os, architecture, ...(variant && { variant }) }));
      return { id, version: version?.version ?? '', labels, platforms: own, gcPolicy: policies };
    });
    io.stdout.write(json({ address: client.address.shown, ...info, workers: list }));
    return EXIT.done;
  }
  const lines = [`Address:    ${client.address.shown}`, `BuildKit:   ${versionText(info)}`];
  for (const worker of workers) {
    lines.push('', `Worker:     ${printable(worker.id)}`, `Platforms:  ${platformsOf([worker]).join(', ')}`);
    for (const [name, value] of Object.entries(worker.labels).sort())
      lines.push(`Label:      ${printable(name)}=${printable(value)}`);
    for (const policy of worker.gcPolicy) {
      const days = Number(policy.keepDuration) / 86_400e9;
      const limit = policy.maxUsedSpace || policy.reservedSpace;
      const parts = [policy.all && 'everything', policy.filters.length > 0 && printable(policy.filters.join(','))];
      if (days > 0) parts.push(`unused for ${Number(days.toFixed(1))} days`);
      if (limit > 0) parts.push(`beyond ${humanSize(Number(limit))}`);
      lines.push(`Prunes:     ${parts.filter(Boolean).join(', ')}`);
    }
  }
  io.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.done;
}

/** A record without the fields that protobuf adds. */
function plain(record: UsageRecord) {
  const { id, recordType, description, size, inUse, shared, mutable, usageCount, createdAt, lastUsedAt } = record;
  const date = (time: UsageRecord['createdAt']) => time && new Date(Number(time.seconds) * 1000);
  const times = { createdAt: date(createdAt), lastUsedAt: date(lastUsedAt) };
  return { id, type: recordType, description, size, inUse, shared, mutable, usageCount, ...times };
}

async function runDu(client: BuilderClient, { json: asJson, filter }: Of<'du'>, io: CommandIo): Promise<ExitCode> {
  const records = (await client.diskUsage(filter)).map(plain).sort((a, b) => Number(b.size - a.size));
  if (asJson) {
    io.stdout.write(json(records));
    return EXIT.done;
  }
  const now = Date.now();
  const rows = records.map((r) => [
    printable(r.id),
    printable(r.type) || '-',
    humanSize(Number(r.size)),
    r.lastUsedAt ? humanAge(r.lastUsedAt, now) : '-',
    r.inUse ? 'in use' : r.shared ? 'shared' : '',
    printable(r.description),
  ]);
  io.stdout.write(table(['RECORD', 'TYPE', 'SIZE', 'LAST USED', '', 'WHAT'], rows));
  const sum = (list: typeof records) => humanSize(list.reduce((bytes, r) => bytes + Number(r.size), 0));
  io.stdout.write(`in all ${sum(records)}, of which ${sum(records.filter((r) => !r.inUse))} could be pruned\n`);
  return EXIT.done;
}

async function runPrune(client: BuilderClient, command: Of<'prune'>, io: CommandIo): Promise<ExitCode> {
  const { all, filter, olderThanMs, maxSize } = command;
  const space = maxSize === undefined ? {} : { reservedSpace: BigInt(maxSize), maxUsedSpace: BigInt(maxSize) };
  const age = olderThanMs === undefined ? {} : { keepDuration: BigInt(Math.round(olderThanMs)) * 1_000_000n };
  const removed: ReturnType<typeof plain>[] = [];
  for await (const record of client.prune({ all, filter: [...filter], ...age, ...space }, io.signal)) {
    const { id, size, description } = plain(record);
    removed.push(plain(record));
    if (!command.json)
      io.stdout.write(`removed ${printable(id)} (${humanSize(Number(size))}) ${printable(description)}\n`);
  }
  const bytes = removed.reduce((sum, r) => sum + Number(r.size), 0);
  io.stdout.write(command.json ? json({ bytes, removed }) : `freed ${humanSize(bytes)}: ${removed.length} records\n`);
  return EXIT.done;
}
