/** A Dockerfile read for other programs: its instructions with their places, and what is wrong with them. */
import type { Diagnostic } from '../../diagnostic/diagnostic.js';
import type { Document } from '../../frontend/document.js';
import { parseInstruction } from '../../frontend/instructions.js';
import { parseDockerfile as parse } from '../../frontend/parse.js';
import { decodeText } from '../../util/text.js';
import { inOrder } from '../plan.js';

export interface ParseOptions {
  /** The name of the file in the places of diagnostics; `Dockerfile` if not given. */
  readonly file?: string;
}

export interface ParsedDockerfile {
  /** The instructions that could be read. */
  readonly document: Document;
  /** What can be said of each line alone, in the order of the file: syntax, names of instructions and flags, arguments. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Parses a Dockerfile without looking at any other file. It throws for no text: what is wrong is among the diagnostics.
 * @param source the text, or its bytes, which need not be UTF-8
 */
export function parseDockerfile(source: string | Uint8Array, options: ParseOptions = {}): ParsedDockerfile {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => diagnostics.push(diagnostic);
  const text = typeof source === 'string' ? source : decodeText(source);
  const document = parse(text, options.file ?? 'Dockerfile', report);
  for (const instruction of document.instructions) parseInstruction(instruction, report);
  return { document, diagnostics: inOrder(diagnostics) };
}
