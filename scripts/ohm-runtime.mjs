// What of ohm-js the generated grammars use, for the bundle: its own entry also makes the grammar of grammars, which takes a few milliseconds of
// every start. (Without it, a start rule cannot be a parameterised application like `listOf<a, b>`; ours are names.)

export { makeRecipe } from '../node_modules/ohm-js/src/main-kernel.js';

import '../node_modules/ohm-js/src/semanticsDeferredInit.js';
