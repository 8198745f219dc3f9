import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { daysFrom, dueState, fromFields, hasTime, toFields } from "../../src/model/dates.ts";

// A zone with summer time, so that a day may have 23 or 25 hours.
beforeAll(() => {
  process.env.TZ = "Europe/Berlin";
});

const now = () => new Date("2026-11-25T14:00:00+01:00");

test.each([
  ["2026-11-24", "overdue"],
  ["2026-11-25", "today"],
  ["2026-11-26", "tomorrow"],
  ["2026-11-27", "later"],
  ["2026-11-25T13:59:00+01:00", "overdue"],
  ["2026-11-25T14:01:00+01:00", "today"],
  ["2026-11-25T23:30:00Z", "tomorrow"],
  ["2026-11-26T00:30:00+14:00", "overdue"],
  ["soon", null],
])("%s is %s", (due, state) => {
  expect(dueState(due, now())).toBe(state);
});

test("tomorrow is the next day also where a day has 25 hours", () => {
  expect(daysFrom(new Date("2026-10-24T23:30:00+02:00"), 1)).toBe("2026-10-25");
  expect(daysFrom(new Date("2026-10-25T00:10:00+02:00"), 1)).toBe("2026-10-26");
});

describe("the editor", () => {
  test.each(["2026-11-25", "2026-11-25T14:30:17+05:30", "2026-11-25T23:59:59.123Z", "2028-02-29"])(
    "leaves %s as it was sent when it was not changed",
    (due) => {
      expect(fromFields(toFields(due), due)).toBe(due);
    },
  );

  test("keeps the time of day when the day is changed", () => {
    const due = "2026-11-25T14:30:00+01:00";
    expect(fromFields({ ...toFields(due), date: "2026-07-01" }, due)).toBe("2026-07-01T14:30:00+02:00");
  });

  test("clears and sets", () => {
    expect(fromFields({ date: "", time: "" }, "2026-11-25")).toBeNull();
    expect(fromFields({ date: "2026-11-25", time: "" }, null)).toBe("2026-11-25");
    expect(fromFields({ date: "2026-11-25", time: "09:05" }, null)).toBe("2026-11-25T09:05:00+01:00");
  });

  test("shows again what it made, in any year and season", () => {
    const date = fc.date({ min: new Date("1990-01-01"), max: new Date("2090-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(date, fc.boolean(), (moment, withTime) => {
        const iso = moment.toISOString();
        const due = withTime ? `${iso.slice(0, 16)}:00Z` : iso.slice(0, 10);
        const fields = toFields(due);
        const made = fromFields(fields, null);
        expect(hasTime(made ?? "")).toBe(withTime);
        expect(toFields(made)).toEqual(fields);
      }),
    );
  });
});
