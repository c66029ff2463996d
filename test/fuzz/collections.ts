// Finds whatever grows: the sizes of all maps, sets and arrays that can be reached from an object.

/** Longer arrays than this are data (the slots of the timer wheel), not structure to be walked. */
const WALKED_MAX = 2_000;

/**
 * Sizes by path ("core.contexts"). What is inside of maps and of long arrays is not walked, only counted.
 * @param skip paths that are left out
 */
export function collectionSizes(root: object, skip: ReadonlySet<string> = new Set()): Map<string, number> {
  const sizes = new Map<string, number>();
  const seen = new Set<object>([root]);
  const waiting: [path: string, value: object][] = [["", root]];
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    const [path, value] = entry;
    if (value instanceof Map || value instanceof Set) sizes.set(path, value.size);
    else if (Array.isArray(value) && value.length > WALKED_MAX) sizes.set(path, value.length);
    else {
      if (Array.isArray(value)) sizes.set(path, value.length);
      if (Object.getPrototypeOf(value) === null) sizes.set(path, Object.keys(value).length);
      for (const [key, child] of Object.entries(value)) {
        const childPath = path === "" ? key : `${path}.${key}`;
        if (typeof child !== "object" || child === null || seen.has(child) || skip.has(childPath)) continue;
        seen.add(child);
        waiting.push([childPath, child]);
      }
    }
  }
  return sizes;
}
