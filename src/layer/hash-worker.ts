/** The thread of hashing.ts: hashes streams by their numbers. */
import { parentPort } from 'node:worker_threads';
import { DigestStream } from '../util/digest.js';
import { digestsOf, type HashAnswer, type HashMessage } from './hashing.js';

const streams = new Map<number, DigestStream>();
const port = parentPort!;

port.on('message', (message: HashMessage) => port.postMessage(answer(message)));

function answer(message: HashMessage): HashAnswer {
  if (message.stream === undefined) return digestsOf(message.bytes, message.parts);
  const { stream, bytes } = message;
  const hash = streams.get(stream) ?? new DigestStream();
  streams.set(stream, hash);
  if (bytes === undefined) return [hash.digest()];
  hash.update(bytes);
  return [];
}
