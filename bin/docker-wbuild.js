#!/usr/bin/env node
// wbuild as a plugin of the docker command line: `docker wbuild …` runs this with all of its own words, `[OPTIONS] wbuild …`, and asks it first
// who it is. https://github.com/docker/cli/blob/master/cli-plugins/manager/manager.go
const words = process.argv.slice(2);

// docker's own options, which may stand in front of the name, and the variables that say the same to wbuild; null: of no concern to it
const OPTIONS = {
  '--config': 'DOCKER_CONFIG',
  '--context': 'DOCKER_CONTEXT',
  '-c': 'DOCKER_CONTEXT',
  '--host': 'DOCKER_HOST',
  '-H': 'DOCKER_HOST',
  '--log-level': null,
  '-l': null,
};
const FLAGS = ['--debug', '-D'];

function fail(message) {
  console.error('docker wbuild: ' + message);
  process.exit(2);
}

/** Takes docker's options away. */
function ownWords() {
  const rest = words.slice();
  for (;;) {
    const word = rest.shift();
    if (word === 'wbuild') return rest;
    if (word === 'help' && rest[0] === 'wbuild') return ['help'].concat(rest.slice(1));
    if (word === undefined) return [];
    if (FLAGS.indexOf(word) >= 0) continue;
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    if (!(name in OPTIONS))
      fail(name + ' of docker is not known to wbuild; DOCKER_HOST and docker contexts say the same');
    const value = equals < 0 ? rest.shift() : word.slice(equals + 1);
    if (OPTIONS[name] !== null) process.env[OPTIONS[name]] = value;
  }
}

if (words[0] === 'docker-cli-plugin-metadata') {
  const manifest = require('../package.json');
  const metadata = {
    SchemaVersion: '0.1.0',
    Vendor: 'wbuild',
    Version: manifest.version,
    ShortDescription: 'Build images of a Dockerfile subset, bit for bit as BuildKit does',
  };
  if (manifest.homepage) metadata.URL = manifest.homepage;
  console.log(JSON.stringify(metadata));
} else {
  process.argv = process.argv.slice(0, 2).concat(ownWords());
  require('./wbuild.js');
}
