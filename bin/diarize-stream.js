#!/usr/bin/env node
import module from 'node:module'

// From Node 22.8 on: what was compiled once is not compiled again, which is a fifth of the time to start.
module.enableCompileCache?.()
await import('../dist/cli/main.js')
