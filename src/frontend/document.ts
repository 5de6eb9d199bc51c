/** A Dockerfile as instructions with places, before anything is known of stages. */
import type { SourceRange } from '../diagnostic/diagnostic.js';

/** A Dockerfile text, its escape character and its instructions. */
export interface Document {
  /** The name for messages. */
  readonly file: string;
  readonly text: string;
  readonly escape: string;
  readonly instructions: readonly Instruction[];
  /** Keywords that no instruction has; their lines are not among `instructions`. */
  readonly unknown: readonly Word[];
  /** The value of `# check=`, if there is one. */
  readonly check: string | undefined;
}

/** One instruction: a keyword, flags and arguments, as typed (quotes and variables still in place). */
export interface Instruction {
  readonly keyword: string;
  /** The whole instruction in one line, as typed. */
  readonly code: string;
  readonly flags: readonly Word[];
  /** The arguments as one text, without the flags. */
  readonly rest: Word;
  /** `rest` in pieces: the elements of a JSON array, or what blanks separate. */
  readonly args: readonly Word[];
  /** Whether the arguments are in the JSON form. */
  readonly json: boolean;
  readonly heredocs: readonly Heredoc[];
  /** The comments right above. */
  readonly comments: readonly string[];
  readonly range: SourceRange;
}

/** A piece of text and its place. */
export interface Word {
  readonly text: string;
  readonly range: SourceRange;
}

/** A heredoc: `<<NAME`, its text without the line that ends it. */
export interface Heredoc {
  readonly name: string;
  /** Variables are expanded unless a part of the name is quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs are stripped. */
  readonly stripTabs: boolean;
  readonly content: string;
}
