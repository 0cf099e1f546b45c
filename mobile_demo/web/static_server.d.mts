import type { Server } from "node:http";

export function serve(
  folder: string,
  options?: { port?: number; host?: string; isolated?: boolean },
): Promise<Server>;
