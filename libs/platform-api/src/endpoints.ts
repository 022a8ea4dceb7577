import { followEvents, listEvents } from './events.js';
import { getImage, getImageHistory, listImages, pruneImages, removeImage, tagImage } from './images.js';
import { cancelPull, followPull, getPull, listPulls, startPull } from './pulls.js';
import { getDiskUsage, getSystem } from './system.js';
import { listTagMoves, listTags } from './tags.js';

/** All that the API can be asked; the keys are the operation ids of the OpenAPI document. */
export const endpoints = {
  getSystem,
  getDiskUsage,
  listImages,
  getImage,
  getImageHistory,
  tagImage,
  removeImage,
  pruneImages,
  listTags,
  listTagMoves,
  startPull,
  listPulls,
  getPull,
  followPull,
  cancelPull,
  listEvents,
  followEvents,
} as const;
