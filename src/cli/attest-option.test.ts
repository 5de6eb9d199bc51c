import { expect, test } from '@jest/globals';
import { PROVENANCE } from '../attest/options.js';
import { parseAttests } from './attest-option.js';

test.each([
  [{ attest: ['type=provenance'] }, { provenance: PROVENANCE }],
  [
    { attest: ['type=provenance,mode=min,version=v0.2'] },
    { provenance: { ...PROVENANCE, mode: 'min', version: 'v0.2' } },
  ],
  [{ attest: [' Type =provenance,MODE=full'] }, { provenance: PROVENANCE }],
  [
    { attest: ['type=provenance,"builder-id=https://ci/a,b"'] },
    { provenance: { ...PROVENANCE, builderId: 'https://ci/a,b' } },
  ],
  [
    { attest: ['type=provenance,reproducible=false,inline-only=1,filename=p.json'] },
    { provenance: { ...PROVENANCE, reproducible: false, inlineOnly: true, filename: 'p.json' } },
  ],
  [{ attest: ['type=sbom', 'type=provenance'] }, { provenance: PROVENANCE, sbom: true }],
  [{ sbom: 'true' }, { sbom: true }],
  [{ provenance: 'mode=min' }, { provenance: { ...PROVENANCE, mode: 'min' } }],
  // the last of one type counts, and shorthands count more
  [{ attest: ['type=sbom', 'type=sbom,disabled=true'] }, undefined],
  [{ attest: ['type=sbom,disabled=true', 'type=sbom'] }, { sbom: true }],
  [{ attest: ['type=provenance,mode=min'], provenance: 'true' }, { provenance: PROVENANCE }],
  [{ attest: ['type=provenance', 'type=sbom'], provenance: 'false' }, { sbom: true }],
  [{ provenance: 'false', sbom: 'F' }, undefined],
  [{ provenance: '', sbom: '' }, undefined],
  [{}, undefined],
])('%j', (values, expected) => {
  expect(parseAttests(values)).toEqual(expected);
});

test.each([
  [{ attest: ['provenance'] }, '--attest "provenance": "provenance" is not key=value'],
  [{ attest: ['mode=min'] }, 'type= is missing'],
  [{ attest: ['type=provenence'] }, 'there is no attestation "provenence"'],
  [{ attest: ['type=provenance,mode=some'] }, 'mode cannot be "some"'],
  [{ attest: ['type=provenance,version=v2'] }, 'version cannot be "v2"'],
  [{ attest: ['type=provenance,reproducible=maybe'] }, 'reproducible cannot be "maybe"'],
  [{ attest: ['type=provenance,filename=../x'] }, 'filename cannot be "../x"'],
  [{ attest: ['type=provenance,disabled=x'] }, 'disabled cannot be "x"'],
  [{ attest: ['type=provenance,capture-usage=true'] }, 'wbuild has no capture-usage='],
  [{ attest: ['type=sbom,generator=scanner'] }, 'wbuild has no generator='],
  [{ attest: ['type=sbom,mode=min'] }, 'type=sbom has no key "mode"'],
  [{ attest: ['type=provenance,moed=min'] }, 'type=provenance has no key "moed"'],
  [{ provenance: '.' }, '--provenance "." is neither true nor false'],
  [{ sbom: 'generator=x' }, '--sbom "generator=x": wbuild has no generator='],
])('%j is refused', (values, message) => {
  expect(() => parseAttests(values)).toThrow(message);
});
