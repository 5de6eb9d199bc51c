import { expect, test } from '@jest/globals';
import { readErrorDetails } from './error-details.js';
import { create, toBinary } from './messages.js';
import { StatusSchema } from './proto/status_pb.js';

const bytes = (...details: readonly (readonly [type: string, json: unknown])[]) =>
  toBinary(
    StatusSchema,
    create(StatusSchema, {
      details: details.map(([type, json]) => {
        const value = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
        return { typeUrl: `github.com/moby/buildkit/${type}`, value };
      }),
    }),
  );

test('the vertex, its action and the lines', () => {
  const details = bytes(
    ['stack.Stack+json', { frames: [] }],
    ['errdefs.Vertex+json', { digest: 'sha256:ab' }],
    ['errdefs.Source+json', { info: {}, ranges: [{ start: { line: 3 }, end: { line: 4 } }] }],
    ['errdefs.Solve+json', { inputIDs: [''], file: { index: '2' } }],
  );
  expect(readErrorDetails(details)).toEqual({ vertex: 'sha256:ab', action: 2, lines: { start: 3, end: 4 } });
});

test('the first action has no index in protobuf JSON', () => {
  expect(readErrorDetails(bytes(['errdefs.Solve+json', { file: {} }]))).toEqual({ action: 0 });
});

test('what cannot be understood is no detail', () => {
  expect(readErrorDetails(undefined)).toEqual({});
  expect(readErrorDetails(Buffer.from('garbage'))).toEqual({});
  expect(readErrorDetails(bytes(['errdefs.Vertex+json', 'no JSON']))).toEqual({});
  expect(readErrorDetails(bytes(['errdefs.Source+json', { ranges: [{}] }]))).toEqual({});
});
