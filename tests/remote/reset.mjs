// Loaded before the peer's server: lets a test put its memory back to how it was at the start.
// `PEER_MODULES` is the folder of the modules that the server imports; `RESET_PORT` answers a request with a reset.
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const load = (path) => import(new URL(path, pathToFileURL(`${process.env.PEER_MODULES}/`)).href);
globalThis.WebSocket ??= (await load('ws/wrapper.mjs')).WebSocket; // the engine reads it at import time; Node 20 has none
const { MemoryRepository } = await load('@medplum/fhir-router/dist/esm/index.mjs');
const create = MemoryRepository.prototype.createResource;
let repository;
let start;

MemoryRepository.prototype.createResource = function (...args) {
  repository ??= this;
  return create.apply(this, args);
};

const copy = (map, each) => new Map([...map].map(([type, found]) => [type, new Map([...found].map(([id, one]) => [id, each(one)]))]));

http
  .createServer((request, response) => {
    start ??= { resources: copy(repository.resources, (one) => one), history: copy(repository.history, (one) => [...one]) };
    repository.clear();
    for (const [type, found] of copy(start.resources, (one) => one)) repository.resources.set(type, found);
    for (const [type, found] of copy(start.history, (one) => [...one])) repository.history.set(type, found);
    repository.dead = new Set();
    response.end();
  })
  .listen(Number(process.env.RESET_PORT), '127.0.0.1');
