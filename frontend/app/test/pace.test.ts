// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createPacer } from "../src/state/pace";

const FRAME_MS = 16;

describe("what comes is taken in frames", () => {
  let taken: number[][];
  let pacer: ReturnType<typeof createPacer<number>>;

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ["setTimeout", "clearTimeout", "performance", "requestAnimationFrame", "cancelAnimationFrame"],
    });
    taken = [];
    pacer = createPacer<number>((items) => taken.push([...items]));
    return () => vi.useRealTimers();
  });

  it("one alone in the next frame, a stream ten times a second, in order and each once", () => {
    pacer.add(1);
    vi.advanceTimersByTime(FRAME_MS + 1);
    expect(taken).toEqual([[1]]);
    for (let n = 2; n <= 51; n += 1) {
      pacer.add(n);
      vi.advanceTimersByTime(20);
    }
    vi.advanceTimersByTime(200);
    expect(taken.flat()).toEqual(Array.from({ length: 51 }, (_, index) => index + 1));
    expect(taken.length).toBeLessThanOrEqual(13);
  });

  it("a frame with a keystroke is the keystroke's", () => {
    pacer.add(1);
    vi.advanceTimersByTime(1);
    window.dispatchEvent(new Event("keydown"));
    vi.advanceTimersByTime(FRAME_MS);
    expect(taken).toEqual([]);
    vi.advanceTimersByTime(FRAME_MS);
    expect(taken).toEqual([[1]]);
  });

  it("whoever types without a pause still sees it", () => {
    pacer.add(1);
    for (let passed = 0; passed < 400; passed += 5) {
      window.dispatchEvent(new Event("keydown"));
      vi.advanceTimersByTime(5);
    }
    expect(taken).toEqual([[1]]);
  });

  it("flush takes what is held, and nothing twice", () => {
    pacer.add(1);
    pacer.add(2);
    pacer.flush();
    pacer.flush();
    vi.advanceTimersByTime(1000);
    expect(taken).toEqual([[1, 2]]);
  });

  it("a thousand don't wait", () => {
    for (let n = 0; n < 1000; n += 1) pacer.add(n);
    expect(taken.flat()).toHaveLength(1000);
  });
});
