import { randomInt } from 'node:crypto';

const manners = [
  ...['able', 'amber', 'bold', 'brave', 'brisk', 'calm', 'clever', 'cosy', 'eager', 'early', 'fair', 'fond', 'free'],
  ...['gentle', 'glad', 'golden', 'grand', 'happy', 'hardy', 'honest', 'humble', 'jolly', 'keen', 'kind', 'late'],
  ...['light', 'lively', 'lucky', 'mellow', 'merry', 'mild', 'noble', 'patient', 'plain', 'proud', 'quick', 'quiet'],
  ...['ready', 'salty', 'sharp', 'silent', 'smart', 'steady', 'stout', 'sunny', 'swift', 'tidy', 'warm', 'wise'],
];
const vessels = [
  ...['barge', 'bark', 'brig', 'caravel', 'carrack', 'catboat', 'clipper', 'coaster', 'cog', 'coracle', 'cutter'],
  ...['dhow', 'dinghy', 'dory', 'drifter', 'felucca', 'ferry', 'galleon', 'galley', 'gig', 'hoy', 'hulk', 'jolly'],
  ...['junk', 'kayak', 'ketch', 'launch', 'lighter', 'lugger', 'packet', 'pinnace', 'pram', 'proa', 'punt', 'raft'],
  ...['sampan', 'schooner', 'scow', 'skiff', 'sloop', 'smack', 'tender', 'trawler', 'tug', 'wherry', 'xebec', 'yawl'],
];

/** A name for a container that was given none, such as `swift_schooner`; with a number from the second try on. */
export function inventName(attempt: number): string {
  const name = `${manners[randomInt(manners.length)]}_${vessels[randomInt(vessels.length)]}`;
  return attempt === 0 ? name : `${name}${randomInt(10 ** attempt)}`;
}
