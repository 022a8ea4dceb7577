import { openDatabase } from '@entrepot/database';
import { createTestDatabase } from './postgres.js';

describe('a test database', () => {
  it('has the migrations, and shares nothing with another one', async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    const [a, b] = [openDatabase(first.url), openDatabase(second.url)];
    await a.prisma.repository.create({ data: { name: 'docker.io/library/redis', familiar: 'redis' } });
    expect(await a.prisma.repository.count()).toBe(1);
    expect(await b.prisma.repository.count()).toBe(0);
    await Promise.all([a.close(), b.close()]);
    await Promise.all([first.drop(), second.drop()]);
  });

  it('lets the queue make its own schema', async () => {
    const database = await createTestDatabase();
    const queue = openDatabase(database.queueUrl);
    await queue.prisma.$executeRaw`create schema bullmq`;
    const [row] = await queue.prisma.$queryRaw<
      { setting: string }[]
    >`select current_setting('synchronous_commit') as setting`;
    expect(row?.setting).toBe('off');
    await queue.close();
    await database.drop();
  });
});
