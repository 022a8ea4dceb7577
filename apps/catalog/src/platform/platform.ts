import { PlatformImagesController } from './images.controller.js';
import { OpenApiController } from './openapi.controller.js';

/** The controllers that handle the endpoints of `libs/platform-api`. */
export const platformControllers = [PlatformImagesController];

/** Those, and what describes them. */
export const platform = [OpenApiController, ...platformControllers];
