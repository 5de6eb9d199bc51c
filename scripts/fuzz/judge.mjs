// What both sides made of a case, compared.
import { createHash } from 'node:crypto';
import fs from 'node:fs';

const sha256 = (file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex');

/**
 * @param readImage of ../shared/parity/ocitar.mjs
 * @returns undefined when they agree, else { kind, details, signature, kitError, ownError }; the signature is what stays of it when a case shrinks
 */
export function judge({ kit, own, kitOut, ownOut }, readImage) {
  const verdict = (kind, details, of = '') => ({ kind, details, signature: `${kind} ${of}`.trim() });
  const errors = { kitError: kit.error, ownError: own.error };
  const kitSays = `BuildKit, line ${kit.line}: ${kit.error}`;
  const kitRule = () => kit.error.replace(/["'`/(:[].*/s, '');
  if (own.crash)
    return verdict('crashed', [own.crash], own.crash.replace(/\d+/g, '').split('\n').slice(0, 2).join(' '));
  if (kit.late) return verdict('BuildKit hangs', []);
  if (kit.ok && !own.ok)
    return { ...verdict('wrongly refused', [own.error, `BuildKit builds it`], `${own.codes?.[0] ?? ''}`), ...errors };
  if (!kit.ok && own.ok) return { ...verdict('wrongly accepted', [kitSays], kitRule()), ...errors };
  if (!kit.ok) {
    if (kit.line === null || own.lines.includes(kit.line)) return undefined;
    const ownSays = `wbuild, line ${own.lines.join(', ') || 'none'}: ${own.error}`;
    return { ...verdict('wrong line', [kitSays, ownSays], kitRule()), ...errors };
  }
  if (sha256(kitOut) === sha256(ownOut)) return undefined;
  const [want, got] = [readImage(fs.readFileSync(kitOut)), readImage(fs.readFileSync(ownOut))];
  const details = imageDiff(want, got);
  if (details.length === 0) {
    const same = JSON.stringify(want.archive.index) === JSON.stringify(got.archive.index);
    return verdict('archive differs', [
      JSON.stringify(
        same ? [want.archive.entries, got.archive.entries] : [want.archive.index, got.archive.index],
      ).slice(0, 900),
    ]);
  }
  return verdict(
    'bytes differ',
    details.map((d) => d.text),
    [...new Set(details.map((d) => d.what))].sort()[0],
  );
}

function imageDiff(want, got) {
  const out = [];
  const say = (what, text) => out.push({ what, text });
  if (want.manifest === got.manifest) return out;
  if (want.layers.length !== got.layers.length)
    say('layers', `${want.layers.length} layers expected, got ${got.layers.length}`);
  want.layers.forEach((layer, i) => {
    const other = got.layers[i];
    if (!other || layer.digest === other.digest) return;
    const mine = new Map(other.entries.map((e) => [e.path, e]));
    for (const e of layer.entries) {
      const o = mine.get(e.path);
      mine.delete(e.path);
      if (!o) say('entry missing', `layer ${i}: ${JSON.stringify(e.path)} is missing (${JSON.stringify(e)})`);
      else {
        const fields = Object.keys({ ...e, ...o }).filter((k) => JSON.stringify(e[k]) !== JSON.stringify(o[k]));
        for (const k of fields)
          if (k !== 'header' || fields.length === 1)
            say(
              `entry ${k}`,
              `layer ${i}: ${JSON.stringify(e.path)}: ${k} should be ${JSON.stringify(e[k])}, is ${JSON.stringify(o[k])}`,
            );
      }
    }
    for (const e of mine.values())
      say('entry too many', `layer ${i}: ${JSON.stringify(e.path)} should not be there (${JSON.stringify(e)})`);
    if (out.length === 0)
      say(
        'layer bytes',
        `layer ${i}: same entries in another order, or other bytes: ${JSON.stringify(layer.entries.map((e) => e.path))} and ${JSON.stringify(other.entries.map((e) => e.path))}`,
      );
  });
  const [a, b] = [want.imageConfig, got.imageConfig];
  for (const k of Object.keys({ ...a, ...b })) {
    if (k === 'rootfs' && out.length > 0) continue;
    if (JSON.stringify(a[k]) !== JSON.stringify(b[k]))
      say(`config ${k}`, `config ${k}: expected ${JSON.stringify(a[k])}, got ${JSON.stringify(b[k])}`);
  }
  if (out.length === 0)
    say(
      want.config === got.config ? 'manifest' : 'config bytes',
      want.config === got.config
        ? `manifest: expected ${JSON.stringify(want.manifestJson)}, got ${JSON.stringify(got.manifestJson)}`
        : `config: expected ${want.configText}, got ${got.configText}`,
    );
  return out;
}
