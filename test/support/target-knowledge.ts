/** What a router is told of targets where a test is about something else: no names, all alive, no calls. */
import type { TargetKnowledge } from "../../src/routing/group-targets.ts";

export const ALL_ALIVE: TargetKnowledge = {
  placesOf: () => null,
  standing: () => "usable",
  share: () => 1,
  callsOn: () => 0,
};
