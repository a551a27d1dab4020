// The client reads WebSocket while it is imported; Node has one of its own since version 22.
import { WebSocket } from 'ws';

globalThis.WebSocket ??= WebSocket;
