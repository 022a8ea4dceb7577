#!/usr/bin/env node
// In the workspace the command exists from the moment of installing, and works from the moment of building.
import '../dist/main.js';
