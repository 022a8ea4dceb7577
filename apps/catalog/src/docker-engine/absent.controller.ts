import { Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { EngineError } from './engine-error.js';

/**
 * What an image service has none of: networks, volumes, plugins, build cache. Lists are empty and nothing
 * is found, so that `docker inspect` and `system prune` behave as with an idle daemon.
 */
@Controller()
export class AbsentController {
  @Get(['networks', 'plugins'])
  none(): object[] {
    return [];
  }

  @Get('volumes')
  noVolumes(): object {
    return { Volumes: [], Warnings: null };
  }

  @Post('networks/prune')
  @HttpCode(200)
  pruneNetworks(): object {
    return { NetworksDeleted: null };
  }

  @Post('volumes/prune')
  @HttpCode(200)
  pruneVolumes(): object {
    return { VolumesDeleted: [], SpaceReclaimed: 0 };
  }

  @Post('build/prune')
  @HttpCode(200)
  pruneBuildCache(): object {
    return { CachesDeleted: null, SpaceReclaimed: 0 };
  }

  @Get('networks/:name')
  noNetwork(@Param('name') name: string): never {
    throw new EngineError(404, `network ${name} not found`);
  }

  @Delete('networks/:name')
  noNetworkToRemove(@Param('name') name: string): never {
    return this.noNetwork(name);
  }

  @Get('volumes/:name')
  noVolume(@Param('name') name: string): never {
    throw new EngineError(404, `get ${name}: no such volume`);
  }

  @Delete('volumes/:name')
  noVolumeToRemove(@Param('name') name: string): never {
    return this.noVolume(name);
  }

  @Get('plugins/:name/json')
  noPlugin(@Param('name') name: string): never {
    throw new EngineError(404, `plugin "${name}" not found`);
  }

  @Delete('plugins/:name')
  noPluginToRemove(@Param('name') name: string): never {
    return this.noPlugin(name);
  }
}
