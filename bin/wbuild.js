#!/usr/bin/env node
// The launcher. What it says about an old Node must itself run on an old Node: nothing modern above the check.
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    'wbuild needs Node 20 or newer; this is Node ' + process.versions.node + ' (' + process.execPath + ').',
  );
  process.exit(2);
}
const { enableCompileCache } = require('node:module');
enableCompileCache?.();

const { start } = require('../dist/bundle/start.cjs');
const bundle = { file: require.resolve('../dist/bundle/main.cjs'), require, cachedByNode: !!enableCompileCache };
start(process.argv.slice(2), process, bundle).then((code) => {
  process.exitCode = code;
});
