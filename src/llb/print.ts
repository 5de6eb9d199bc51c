/** A graph for people and for other programs: text, JSON, DOT, Mermaid. */
import type { Json } from '../util/go-json.js';
import { listVertices } from './marshal.js';
import type { FileAction, Owner, UserOpt, Vertex } from './op.js';

/** One block a vertex: its short digest, its name, what it does and what it works on. */
export function printText(result: Vertex | undefined): string {
  const vertices = listVertices(result);
  if (vertices.length === 0) return 'an empty image: no vertices\n';
  return vertices
    .map((v) => {
      const inputs = v.inputs.map(short).join(' ');
      const lines = [`${short(v)}  ${v.metadata.name}`, ...describe(v).map((line) => `    ${line}`)];
      return [...lines, ...(inputs ? [`    inputs ${inputs}`] : [])].join('\n');
    })
    .concat('')
    .join('\n');
}

/** A list of vertices, in dependency order; the last is the result. */
export function printJson(result: Vertex | undefined): string {
  const list = listVertices(result).map((v) => ({
    digest: v.digest,
    name: v.metadata.name,
    inputs: v.inputs.map((i) => i.digest),
    op: opJson(v),
  }));
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** For graphviz. */
export function printDot(result: Vertex | undefined): string {
  const vertices = listVertices(result);
  const label = (v: Vertex) => JSON.stringify(v.metadata.name).replace(/[<>{}|]/g, (c) => `\\${c}`);
  const lines = vertices.map(
    (v) => `  "${short(v)}" [label=${label(v)} shape=${v.op.kind === 'source' ? 'ellipse' : 'box'}];`,
  );
  const edges = vertices.flatMap((v) => v.inputs.map((i) => `  "${short(i)}" -> "${short(v)}";`));
  return ['digraph llb {', ...lines, ...edges, '}', ''].join('\n');
}

/** For Markdown that renders Mermaid. */
export function printMermaid(result: Vertex | undefined): string {
  const vertices = listVertices(result);
  const text = (v: Vertex) => v.metadata.name.replace(/[^\x20-\x7e]|["#<>&;]/gu, (c) => `#${c.codePointAt(0)};`);
  const lines = vertices.map((v) =>
    v.op.kind === 'source' ? `  ${short(v)}(["${text(v)}"])` : `  ${short(v)}["${text(v)}"]`,
  );
  const edges = vertices.flatMap((v) => v.inputs.map((i) => `  ${short(i)} --> ${short(v)}`));
  return ['flowchart TD', ...lines, ...edges, ''].join('\n');
}

function short(vertex: Vertex): string {
  return vertex.digest.slice('sha256:'.length, 'sha256:'.length + 12);
}

function describe({ op }: Vertex): string[] {
  switch (op.kind) {
    case 'source':
      return [op.identifier, ...Object.entries(op.attrs).map(([key, value]) => `${key} ${value}`)];
    case 'file':
      return op.actions.map(describeAction);
    case 'merge':
      return [`merge ${op.inputs.join(' ')}`];
  }
}

function describeAction({ action }: FileAction): string {
  if (action.kind === 'mkfile') return `mkfile ${action.path} ${action.mode.toString(8)} ${action.data.length} bytes`;
  const flags = [
    ...(action.owner ? [`owner ${describeOwner(action.owner)}`] : []),
    ...(action.mode === -1 || action.modeStr !== '' ? [] : [`mode ${action.mode.toString(8)}`]),
    ...(action.modeStr === '' ? [] : [`mode ${action.modeStr}`]),
    ...action.includePatterns.map((p) => `include ${p}`),
    ...action.excludePatterns.map((p) => `exclude ${p}`),
  ];
  return [`copy ${action.src} → ${action.dest}`, ...flags].join('  ');
}

function describeOwner({ user, group }: Owner): string {
  const one = (who: UserOpt) => ('id' in who ? String(who.id) : who.name);
  return [user, group].flatMap((who) => (who ? [one(who)] : [])).join(':');
}

function opJson({ op }: Vertex): Json {
  if (op.kind !== 'file') return op as unknown as Json;
  const actions = op.actions.map((a) =>
    a.action.kind === 'mkfile'
      ? { ...a, action: { ...a.action, data: Buffer.from(a.action.data).toString('base64') } }
      : a,
  );
  return { ...op, actions } as unknown as Json;
}
