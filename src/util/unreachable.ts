/** Makes a switch over a union exhaustive: adding a member without a case is a type error at the call. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
