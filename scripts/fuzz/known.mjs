// Differences that are explained, and no fault of wbuild: what BuildKit refuses for a reason that is not the Dockerfile's or no longer refuses,
// and what wbuild does not have. Each is counted.

const KNOWN = [
  {
    kit: /header key "[a-z-]+" contains value with non-printable ASCII characters/,
    why: 'a source or an ignore pattern has a control character, which BuildKit cannot put into a gRPC header',
  },
  {
    kit: /lstat \S*\/etc\/(passwd|group): not a directory/,
    why: 'a daemon before master refuses --chown by name where /etc is a file; master takes it for no such user',
  },
  {
    kit: /failed to stat .*: lstat .*: not a directory/,
    text: /--exclude/,
    why: 'a daemon before master looks for the place of what is excluded, and fails where a folder of it is a file',
  },
  {
    own: /^FROM \S+: wbuild builds FROM scratch or FROM an earlier stage|wbuild does not build on a context|wbuild makes no image of a context/m,
    why: 'FROM, or the target, is a context, which is outside the subset',
  },
];

/** @returns why, or undefined where nothing is known */
export function knownDifference(verdict, { dockerfile }) {
  if (!['wrongly accepted', 'wrongly refused', 'wrong line'].includes(verdict?.kind)) return undefined;
  const matches = ({ kit, own, text = /^/ }) =>
    text.test(dockerfile.text ?? dockerfile) &&
    (kit ? kit.test(verdict.kitError ?? '') : verdict.kind !== 'wrongly accepted' && own.test(verdict.ownError ?? ''));
  return KNOWN.find(matches)?.why;
}
