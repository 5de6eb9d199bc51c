#!/usr/bin/env node
// Prints the manual page, made of the help texts of what was built. scripts/build.mjs keeps it as man/wbuild.1.
import { readVersion } from '../dist/cli/commands/version.js';
import { manPage } from '../dist/cli/man-page.js';

process.stdout.write(manPage(readVersion()));
