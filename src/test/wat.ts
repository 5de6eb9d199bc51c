/** WebAssembly text → binary, for small modules of tests. */
import loadWabt from 'wabt';

const wabt = await loadWabt();

export function assembleWat(text: string): Uint8Array {
  const module = wabt.parseWat('test.wat', text);
  try {
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
}
