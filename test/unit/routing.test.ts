import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Routing } from '../../src/control/routing.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import type { RouterLink } from '../../src/router-link/contract.ts';
import type { RoutedService } from '../../src/router-link/protocol.ts';

describe('the routing table', () => {
  it('is told to the router once it may be, and then only what is new', () => {
    const told: (readonly RoutedService[])[] = [];
    const link = { publish: (services: readonly RoutedService[]) => told.push(services) } as unknown as RouterLink;
    const endpoints = () => told.map(services => services.map(service => service.endpoints.length));
    const route = { path: '/', stripPrefix: false };
    const endpoint = { id: 'greeter.0.r1', host: '127.0.0.1', port: 20_000 };
    let table: readonly RoutedService[] = [];
    const routing = new Routing(link, () => ({ settings: defaultSettings, services: table }));
    routing.changedNow();
    assert.deepEqual(endpoints(), [], 'held back');
    routing.release();
    routing.changedNow();
    assert.deepEqual(endpoints(), [[]], 'also a table that is empty');
    table = [{ name: 'greeter', routes: [route], endpoints: [endpoint] }];
    routing.changedNow();
    routing.changedNow();
    table = [{ name: 'greeter', routes: [route], endpoints: [] }];
    routing.changedNow();
    assert.deepEqual(endpoints(), [[], [1], [0]]);
  });
});
