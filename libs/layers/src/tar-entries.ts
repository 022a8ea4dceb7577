/**
 * tar-stream reads the format; this file adds what a hostile or cut archive asks for: it stops at the two zero blocks
 * as every reader of images does, tells a cut tar from a broken one, and knows the entry where that happened.
 */
import { extract, type Extract, type Header } from 'tar-stream';
import { asCorruptStream, CorruptStreamError, InvalidLayerError } from './errors.js';

