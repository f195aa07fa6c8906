import { RestClient, SocketClient } from "@slackclone/client";

/* The two ways to the server, one of each for the page. */

export const rest = new RestClient();
export let socket: SocketClient;

export function openSocket(options: ConstructorParameters<typeof SocketClient>[0]): void {
  socket = new SocketClient(options);
}
