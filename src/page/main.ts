import { ChatApi } from "./chat-api.ts";
import { ChatPage } from "./chat-page.ts";
import { ConversationStore } from "./conversation-store.ts";
import { PageStorage } from "./page-storage.ts";

const storage = new PageStorage(() => localStorage);
const session = new PageStorage(() => sessionStorage);
await new ChatPage({ api: new ChatApi(), store: new ConversationStore(storage), storage, session }).start();
