/**
 * The Tasks service: stores and manages to-do tasks for other services.
 *
 * Meant to be called from inside the network, by a gateway that knows who the
 * user is. Every call names its user, and no call reads or changes a task of
 * another one.
 *
 * Limits, the same in every method:
 *   userId   1 to 256 characters, no NUL
 *   taskId   24 hexadecimal digits, of either case
 *   name     0 to 4096 characters, no NUL
 *   key      1 to 128 characters, no NUL
 * A character is a Unicode code point.
 *
 * Replies come in the order of the calls on a connection, so calls may be
 * pipelined. See docs/protocol.md for what a client has to set (nothing).
 */

// py.twisted is the generator's own scope for "--gen py:twisted", the code the
// daemon runs. "--gen py" and every other language keep their default names.
namespace py.twisted twisted_tasks.gen.tasks

/** One to-do task. */
struct Task {
  /** 24 hexadecimal digits, made by the service; absent in an upsert that adds. */
  1: optional string id,
  /** Whose task it is. */
  2: string userId,
  /**
   * What is to be done. Mind the default in an upsert that is to leave the name
   * as it is: where generated code fills it in, clear the field, or use update.
   */
  3: optional string name = "",
  /**
   * When it was added: ISO 8601 in UTC, to the millisecond, the same text from
   * every method ("2026-11-23T10:15:30.123+00:00"). Only read: the service sets
   * it, and what an upsert carries here is not looked at.
   */
  4: optional string createdOn,
  /** Always set in a reply. */
  5: optional bool done
}

/** One page of a user's tasks. */
struct TaskPage {
  1: list<Task> tasks,
  /** Hand this to the next call as its cursor. Absent on the last page. */
  2: optional string next
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
 *   429  too many requests in flight: nothing was done, safe to retry
 *   503  the store is unavailable: safe to retry
 *   504  the deadline passed: safe to retry, though the call may have been done
 *   500  a bug in the service
 */
exception BaseException {
  1: i32 code,
  2: string message
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
   * sets the fields that are sent, and leaves those that are not.
   */
  Task upsert(1:Task task) throws (1:BaseException ouch),

  /** The task of this id. */
  Task get(1:string taskId, 2:string userId) throws (1:BaseException ouch),

  /** Removes the task of this id. */
  void remove(1:string taskId, 2:string userId) throws (1:BaseException ouch),

  /**
   * Up to limit tasks (1 to 1000; 100 when absent), newest first, of this user;
   * with done, only those that are (true) or are not (false). The first page has
   * no cursor; each page names the next one's. A task that is added or removed
   * between two pages never makes another one appear twice or be skipped.
   */
  TaskPage page(1:string userId, 2:i32 limit, 3:string cursor, 4:bool done) throws (1:BaseException ouch),

  /** How the service is: answers at once, without waiting for the store. */
  Healthcheck check()
}
