import { getImageHistory, tagImage } from './images.js';

/** All that the API can be asked; the keys are the operation ids of the OpenAPI document. */
export const endpoints = {
  getImageHistory,
  tagImage,
} as const;
