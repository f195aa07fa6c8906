import { beforeEach, describe, expect, it, vi } from "vitest";

const update = vi.fn();
vi.mock("../src/state/wire", () => ({ rest: { me: { update } }, socket: {} }));

const { setState, state } = await import("../src/state/store");
const { afterKey, beginTour, setTourStep, tourStep } = await import("../src/state/tour");

const me = (toured: boolean | undefined) => ({
  id: "1",
  name: "Ann",
  is_bot: false,
  created_at: 0,
  timezone: "",
  status: null,
  ...(toured === undefined ? {} : { toured }),
});

beforeEach(() => {
  setTourStep(null);
  setState("me", null);
  update.mockReset();
});

describe("the tour", () => {
  it("is shown once the server has kept it, and not again", async () => {
    let answer: () => void = () => undefined;
    update.mockImplementationOnce(() => new Promise<void>((resolve) => (answer = resolve)));
    setState("me", me(false));
    const begun = beginTour();
    expect(tourStep()).toBeNull();
    answer();
    await begun;
    expect(tourStep()).toBe(0);
    expect(update).toHaveBeenCalledExactlyOnceWith({ toured: true });

    setTourStep(null);
    await beginTour();
    expect(tourStep()).toBeNull();
    expect(update).toHaveBeenCalledOnce();
  });

  it.each([true, undefined])(
    "is not shown to whom it was shown, or to who is only kept here: %s",
    async (toured) => {
      setState("me", me(toured));
      await beginTour();
      expect([tourStep(), update.mock.calls.length]).toEqual([null, 0]);
    },
  );

  it("is not shown when the server can't keep that it was", async () => {
    update.mockRejectedValueOnce(new Error("unavailable"));
    setState("me", me(false));
    await beginTour();
    expect(tourStep()).toBeNull();
    expect(state.me?.toured).toBe(true);
  });

  it("is led by the arrows in the direction of reading", () => {
    expect(afterKey(0, "ArrowRight", false)).toBe(1);
    expect(afterKey(0, "ArrowLeft", true)).toBe(1);
    expect(afterKey(2, "ArrowRight", false)).toBe(2);
    expect(afterKey(0, "ArrowLeft", false)).toBe(0);
    expect(afterKey(1, "Escape", false)).toBeNull();
    expect(afterKey(1, "Enter", false)).toBeUndefined();
  });
});
