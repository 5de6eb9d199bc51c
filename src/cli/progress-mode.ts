/** How progress is shown (--progress, BUILDKIT_PROGRESS). */
export const PROGRESS_MODES = ['auto', 'tty', 'plain', 'quiet', 'rawjson'] as const;
export type ProgressMode = (typeof PROGRESS_MODES)[number];
