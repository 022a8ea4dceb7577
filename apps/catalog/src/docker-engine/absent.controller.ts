import { Controller, Delete, Get, Head, HttpCode, Param, Post, Put } from '@nestjs/common';
import { EngineError } from './engine-error.js';

/**
 * What an image service has none of: containers, networks, volumes, plugins, build cache. Lists are empty and nothing
 * is found, so that `docker ps`, `inspect` and `system prune` behave as with an idle daemon.
 */
@Controller()
export class AbsentController {
  @Get(['containers/json', 'networks', 'plugins'])
  none(): object[] {
    return [];
  }

  @Get('volumes')
  noVolumes(): object {
    return { Volumes: [], Warnings: null };
  }

  @Post('containers/prune')
  @HttpCode(200)
  pruneContainers(): object {
    return { ContainersDeleted: null, SpaceReclaimed: 0 };
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

  @Get(['json', 'archive', 'changes', 'export', 'logs'].map((what) => `containers/:name/${what}`))
  noContainer(@Param('name') name: string): never {
    throw new EngineError(404, `No such container: ${name}`);
  }

  @Head('containers/:name/archive')
  noContainerPath(@Param('name') name: string): never {
    return this.noContainer(name);
  }

  @Put('containers/:name/archive')
  noContainerTarget(@Param('name') name: string): never {
    return this.noContainer(name);
  }

  @Post('containers/:name/rename')
  noContainerToRename(@Param('name') name: string): never {
    return this.noContainer(name);
  }

  @Delete('containers/:name')
  noContainerToRemove(@Param('name') name: string): never {
    return this.noContainer(name);
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
