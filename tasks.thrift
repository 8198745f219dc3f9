/**
 * The Tasks service: stores and manages to-do tasks for other services.
 *
 * Meant to be called from inside the network, by a gateway that knows who the
 * user is. Every call names its user, and no call reads or changes a task of
 * another one.
 *
 * Limits, the same in every method; what breaks one is answered 400:
 *   userId      1 to 256 characters, no NUL
 *   taskId      24 hexadecimal digits, of either case
 *   name        0 to 4,096 characters, no NUL
 *   notes       0 to 16,384 bytes of UTF-8, no NUL
 *   due         a date, "2026-11-25", or a date-time with its offset as RFC 3339
 *               has it, "2026-11-25T09:30:00+01:00" or "2026-11-25T08:30:00Z"
 *   rank        0 to 64 printable ASCII characters
 *   key         1 to 128 characters, no NUL
 *   limit       1 to 1,000
 *   sync        a token that this service gave, for the same user
 *   batch       at most 500 changes
 *   changedUsers  at most 1,000 users
 * A character is a Unicode code point.
 *
 * What is absent: code that is generated for C++, Go, Java, Rust or C# sends
 * every argument of a method, always, and can leave out fields of a struct only.
 * So "" for a key, a cursor or a sync, 0 for a limit, and an empty struct mean
 * the same as nothing, in every method. Use change, whose fields are in a struct,
 * where only some fields are to be set: update cannot tell "" and false from
 * nothing in these languages.
 *
 * Every call is safe to repeat when its reply was lost, in the way its comment
 * says.
 *
 * Replies come in the order of the calls on a connection, so calls may be
 * pipelined. See docs/protocol.md for what a client has to set (nothing).
 */

// These name the packages and namespaces of generated code, and do not travel.
// Most languages need one: classes of Java's default package cannot be imported,
// and a global Task hides others. py.twisted is the scope of "--gen py:twisted",
// the code the daemon runs; "--gen py" keeps its default, "tasks".
namespace py.twisted twisted_tasks.gen.tasks
namespace c_glib TwistedTasks
namespace cpp twisted_tasks
namespace d twisted_tasks
namespace dart twisted_tasks
namespace delphi TwistedTasks
namespace erl twisted_tasks
namespace go twistedtasks
namespace haxe twistedtasks
namespace java twistedtasks
namespace javame twistedtasks
namespace kotlin twistedtasks
namespace lua TwistedTasks
namespace netstd TwistedTasks
namespace perl TwistedTasks
namespace php TwistedTasks
namespace rb TwistedTasks
namespace rs twisted_tasks
namespace st TwistedTasks
namespace swift TwistedTasks

/** One to-do task. */
struct Task {
  /** 24 hexadecimal digits, made by the service; absent in an upsert that adds. */
  1: optional string id,
  /** Whose task it is. */
  2: string userId,
  /**
   * What is to be done. Mind the default in an upsert that is to leave the name
   * as it is: where generated code fills it in, clear the field, or use change.
   */
  3: optional string name = "",
  /**
   * When it was added: ISO 8601 in UTC, to the millisecond, the same text from
   * every method ("2026-11-23T10:15:30.123+00:00"). Only read: the service sets
   * it, and what an upsert carries here is not looked at.
   */
  4: optional string createdOn,
  /** Always set in a reply. */
  5: optional bool done,
  /**
   * Set by the service: one more with every change, removal and restoration, so
   * of two states of a task the one with the greater version is the newer. Always
   * set in a reply; 0 for a task of an old store that was never changed since.
   * What an upsert carries in this field and in those below is not looked at.
   */
  6: optional i64 version,
  /** When it was last changed, else added; written as createdOn is. Always set in a reply. */
  7: optional string updatedOn,
  /** Absent: none. */
  8: optional string notes,
  /** Absent: none. As it was sent: the service compares and sorts nothing by it. */
  9: optional string due,
  /**
   * The task's place in an order that people make by hand, smaller first, compared
   * code unit by code unit. Absent: none. The service sorts nothing by it.
   */
  10: optional string rank
}

/**
 * Fields of a task to set. One that is absent stays as it is (in create: is
 * empty, not done); "" clears notes, due and rank.
 */
struct TaskFields {
  1: optional string name,
  2: optional bool done,
  3: optional string notes,
  4: optional string due,
  5: optional string rank
}

/** On what a change or a removal depends. An empty condition, or none, is no condition. */
struct Condition {
  /**
   * The version the task must have: otherwise nothing is done, and the call fails
   * with 412 and the task as it is. 0 is a version here, that of old tasks.
   */
  1: optional i64 version,
  /**
   * 1 to 128 characters that nobody else uses for this task, such as a random
   * number. A call that is repeated with the key and the same arguments, and finds
   * that it has succeeded before, is a success, whatever happened to the task
   * since. A task remembers its last eight keys. Without a key a reply that was
   * lost turns a success with a version into 412 when the call is repeated.
   */
  2: optional string key
}

/** Which tasks to list. */
struct PageQuery {
  /** How many at most: 1 to 1,000; 100 when it is absent or 0. */
  1: optional i32 limit,
  /** Where to go on: nextCursor of the page before. Absent or "": from the newest. */
  2: optional string cursor,
  /** Only those that are done, or are not. Absent: both. */
  3: optional bool done
}

/** One page of a user's tasks. */
struct TaskPage {
  /** At most limit; fewer where more would pass 4 MiB, so look at nextCursor for the end. */
  1: list<Task> tasks,
  /** Hand this to the next call as its cursor. Absent on the last page. */
  2: optional string nextCursor
}

/** That a task is gone. */
struct RemovedTask {
  1: string id,
  /** Greater than any version the task had. */
  2: i64 version
}

/** What became of a user's tasks. */
struct TaskChanges {
  /** Those that were added, changed or restored, as they are now. */
  1: list<Task> tasks,
  /** Those that were removed. No id in here is that of a task that exists. */
  2: list<RemovedTask> removed,
  /** Ask with this the next time. */
  3: string sync,
  /** Whether there is more now: ask again at once. */
  4: bool more,
  /**
   * Whether the token could not be continued: it is older than removals are kept
   * (30 days, unless the operator chose otherwise), or of another store. This
   * reply begins with everything: forget what you know, then take it.
   */
  5: bool reset
}

enum ChangeKind {
  CREATE = 1,
  CHANGE = 2,
  REMOVE = 3,
  RESTORE = 4
}

/** One change of a batch. */
struct Change {
  /** Always needed. */
  1: ChangeKind kind,
  /** Of which task. Not looked at in CREATE. */
  2: optional string taskId,
  /** What to set, in CREATE and CHANGE. */
  3: optional TaskFields fields,
  /** As in change and remove; in CREATE its key is the key of create. Not looked at in RESTORE. */
  4: optional Condition condition
}

/** What became of one change of a batch: a task, or nothing for a removal, or an error. */
struct ChangeOutcome {
  /** The task as it is after CREATE, CHANGE or RESTORE. */
  1: optional Task task,
  /** As in BaseException; absent when the change succeeded. */
  2: optional i32 code,
  3: optional string message,
  4: optional Task current
}

/** How the service is. */
struct Healthcheck {
  /** Whether the last look at the store found it working. */
  1: bool ok,
  /** One sentence for people. */
  2: string message
}

/**
 * A call that failed. The code is HTTP-like; the message is for people, and may
 * change at any time.
 *
 *   400  the arguments are invalid: repeating the call will fail again
 *   404  no such task, or not this user's: the two are never told apart
 *   409  restore: another task was added under this id since it was removed
 *   412  the task has not the version that the condition names; nothing was done
 *   429  too many requests in flight: nothing was done, safe to retry
 *   503  the store is unavailable: safe to retry
 *   504  the deadline passed: safe to retry, though the call may have been done
 *   500  a bug in the service
 */
exception BaseException {
  1: i32 code,
  2: string message,
  /** With 412: the task as it is. */
  3: optional Task current
}

service Tasks {
  /** Every task of this user, newest first; an empty list when there are none. */
  list<Task> all(1:string userId) throws (1:BaseException ouch),

  /**
   * Adds a task that is not done. An absent name is an empty one.
   *
   * With a key, repeating the call with the same user and key answers with that
   * task as it now is and never makes a second one, whatever became of the
   * first reply; a later call's name is not looked at. Once the task is removed
   * its key is free again.
   */
  Task add(1:string userId, 2:string name, 3:string key) throws (1:BaseException ouch),

  /** Sets what is given, leaves what is absent, and answers with the task as it then is. */
  Task update(1:string taskId, 2:string name, 3:bool done, 4:string userId) throws (1:BaseException ouch),

  /**
   * Without an id adds the task, its done kept; with an id updates that task:
   * sets name and done where they are sent, and leaves all else.
   */
  Task upsert(1:Task task) throws (1:BaseException ouch),

  /** The task of this id. */
  Task get(1:string taskId, 2:string userId) throws (1:BaseException ouch),

  /**
   * Removes the task of this id, if the condition holds. It is kept for 30 days,
   * unless the operator chose otherwise, and can be restored meanwhile.
   *
   * Repeated, it answers 404, or with a key in its condition that it succeeded.
   */
  void remove(1:string taskId, 2:string userId, 3:Condition condition) throws (1:BaseException ouch),

  /**
   * Up to limit tasks (1 to 1,000; 100 when absent or 0), newest first, of this
   * user; with done, only those that are (true) or are not (false). The first page
   * has no cursor; each page names the next one's. A task that is added or removed
   * between two pages never makes another one appear twice or be skipped. A page
   * may hold fewer than limit: see TaskPage.
   */
  TaskPage page(1:string userId, 2:i32 limit, 3:string cursor, 4:bool done) throws (1:BaseException ouch),

  /** How the service is: answers at once, without waiting for the store. */
  Healthcheck check(),

  // Version 2.

  /** Adds a task with these fields. The key is that of add: the same pair of user and key is the same task. */
  Task create(1:string userId, 2:TaskFields fields, 3:string key) throws (1:BaseException ouch),

  /**
   * Sets these fields, if the condition holds, and answers with the task as it
   * then is. With no field to set, the task is answered as it is.
   */
  Task change(1:string taskId, 2:string userId, 3:TaskFields fields, 4:Condition condition)
    throws (1:BaseException ouch),

  /**
   * Brings a removed task back, with its id and all its fields. Repeated, it finds
   * its own success and answers with the task as it is, as it does for a task that
   * was not removed. 404 when removed tasks are not kept so long; 409 when another
   * one was added under the id meanwhile.
   */
  Task restore(1:string taskId, 2:string userId) throws (1:BaseException ouch),

  /** As page, with arguments that can be absent in every language. */
  TaskPage find(1:string userId, 2:PageQuery query) throws (1:BaseException ouch),

  /**
   * What became of this user's tasks since a token was given: at most limit of
   * them (1 to 1,000; 1,000 when absent or 0), and fewer where more would pass
   * 4 MiB. Without a token: everything there is, and a token.
   *
   * Nothing is left out, and a change may be told twice: take what is told if its
   * version is greater than what you have, or you have nothing. Who does so, and
   * asks until there is no more, has what all would answer.
   */
  TaskChanges changes(1:string userId, 2:string sync, 3:i32 limit) throws (1:BaseException ouch),

  /**
   * Which of these users have anything newer than their token: one question for
   * at most 1,000 users. Those that have are answered, each with a token to ask
   * this method with the next time; what is new is for changes to say, asked with
   * the token that changes itself gave. A user may be told of once too often, and
   * is never left out.
   */
  map<string, string> changedUsers(1:map<string, string> syncs) throws (1:BaseException ouch),

  /**
   * Makes at most 500 changes, each by itself, and answers with what became of
   * each, in their order. Changes of one task are made in their order. A change
   * that fails, for whatever reason, fails alone; nothing is undone for it. The
   * call as a whole fails only with 400 for a bad userId or too many changes, and
   * with 429.
   */
  list<ChangeOutcome> batch(1:string userId, 2:list<Change> changes) throws (1:BaseException ouch),

  /**
   * Removes everything of this user for good, removed tasks too, and answers with
   * how many tasks there were. Repeated, it removes what was added meanwhile. Tokens
   * from before are answered with reset.
   */
  i64 removeAll(1:string userId) throws (1:BaseException ouch)
}
