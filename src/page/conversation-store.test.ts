import { expect, test } from "vitest";
import { ConversationStore } from "./conversation-store.ts";
import type { Conversation } from "./conversation.ts";
import { PageStorage } from "./page-storage.ts";

/** A browser's storage with room for so many characters. */
function browserStorage(room = Infinity): Pick<Storage, "getItem" | "setItem"> {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => {
      if (value.length > room) throw new DOMException("no room", "QuotaExceededError");
      items.set(key, value);
    },
  };
}

function conversation(id: string, changed: number, content = "Hello"): Conversation {
  return { id, changed, messages: [{ role: "user", content }] };
}

const idsOf = ({ all }: ConversationStore): readonly string[] => all.map(({ id }) => id);

test("conversations come back, newest first", () => {
  const items = browserStorage();
  const store = new ConversationStore(new PageStorage(() => items));
  store.save(conversation("old", 1));
  store.save(conversation("new", 2));
  store.save({ id: "empty", changed: 3, messages: [] });
  expect(idsOf(new ConversationStore(new PageStorage(() => items)))).toEqual(["new", "old"]);
  store.remove("new");
  expect(idsOf(new ConversationStore(new PageStorage(() => items)))).toEqual(["old"]);
});

test("what another tab has written stays", () => {
  const items = browserStorage();
  const [one, other] = [items, items].map((each) => new ConversationStore(new PageStorage(() => each)));
  one.save(conversation("a", 1));
  other.save(conversation("b", 2));
  one.save(conversation("c", 3));
  expect(idsOf(one)).toEqual(["c", "b", "a"]);
});

test("the oldest make room when there is none left", () => {
  const items = browserStorage(400);
  const store = new ConversationStore(new PageStorage(() => items));
  for (let index = 0; index < 5; index++) store.save(conversation(`${index}`, index, "x".repeat(100)));
  const kept = idsOf(new ConversationStore(new PageStorage(() => items)));
  expect(kept).toEqual(["4", "3"]);
});

test("without a storage conversations last as long as the page", () => {
  const storage = new PageStorage(() => {
    throw new DOMException("blocked", "SecurityError");
  });
  const store = new ConversationStore(storage);
  store.save(conversation("a", 1));
  expect(idsOf(store)).toEqual(["a"]);
});

const damaged =
  '[{"id":"a","changed":1,"messages":[{"role":"assistant","content":"","answer":{"end":"stop","model":"m","tokens":"7"}}]}]';
test.each([
  damaged,
  "{",
  "7",
  "null",
  '[{"id":1}]',
  '[{"id":"a","changed":1,"messages":[{"role":"system","content":""}]}]',
])("what is no conversation is left out: %s", (text) => {
  const items = browserStorage();
  items.setItem("fewbit.conversations", text);
  expect(new ConversationStore(new PageStorage(() => items)).all).toEqual([]);
});
