// The tutorial's calls in C++, as the documentation of both libraries shows: https://thrift.apache.org/tutorial/cpp,
// https://mongoc.org/libmongoc/current. Arguments: port, MongoDB's URI, database.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <mongoc/mongoc.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/server/TThreadedServer.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TServerSocket.h>

#include "gen/Tasks.h"

namespace {

struct Destroy {
    void operator()(bson_t* it) const { bson_destroy(it); }
};
using Bson = std::unique_ptr<bson_t, Destroy>;

// A client of the pool, and the collection, for one call.
class Borrowed {
public:
    Borrowed(mongoc_client_pool_t* pool, const std::string& database)
        : pool_(pool), client_(mongoc_client_pool_pop(pool)),
          collection(mongoc_client_get_collection(client_, database.c_str(), "tasks")) {}
    ~Borrowed() {
        mongoc_collection_destroy(collection);
        mongoc_client_pool_push(pool_, client_);
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;

private:
    mongoc_client_pool_t* pool_;
    mongoc_client_t* client_;

public:
    mongoc_collection_t* collection;
};

BaseException failure(int code, const std::string& message) {
    BaseException error;
    error.code = code;
    error.message = message;
    return error;
}

std::string text(std::int64_t milliseconds) {
    const std::time_t seconds = milliseconds / 1000;
    std::tm parts;
    gmtime_r(&seconds, &parts);
    char day[32], whole[48];
    std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(whole, sizeof whole, "%s.%03d000", day, static_cast<int>(milliseconds % 1000));
    return whole;
}

void fill(Task& task, const bson_t* document) {
    bson_iter_t field;
    bson_iter_init(&field, document);
    while (bson_iter_next(&field)) {
        const std::string key = bson_iter_key(&field);
        if (key == "_id") {
            char id[25];
            bson_oid_to_string(bson_iter_oid(&field), id);
            task.__set_id(id);
        } else if (key == "userId") {
            task.__set_userId(bson_iter_utf8(&field, nullptr));
        } else if (key == "name") {
            task.__set_name(bson_iter_utf8(&field, nullptr));
        } else if (key == "createdOn") {
            task.__set_createdOn(text(bson_iter_date_time(&field)));
        } else if (key == "done") {
            task.__set_done(bson_iter_bool(&field));
        }
    }
}

class Handler : public TasksIf {
public:
    Handler(mongoc_client_pool_t* pool, std::string database) : pool_(pool), database_(std::move(database)) {}

    void all(std::vector<Task>& found, const std::string& userId) override {
        Borrowed borrowed(pool_, database_);
        Bson filter(BCON_NEW("userId", BCON_UTF8(userId.c_str())));
        Bson options(BCON_NEW("sort", "{", "createdOn", BCON_INT32(-1), "_id", BCON_INT32(-1), "}"));
        mongoc_cursor_t* cursor =
            mongoc_collection_find_with_opts(borrowed.collection, filter.get(), options.get(), nullptr);
        const bson_t* document;
        while (mongoc_cursor_next(cursor, &document)) {
            found.emplace_back();
            fill(found.back(), document);
        }
        bson_error_t error;
        const bool failed = mongoc_cursor_error(cursor, &error);
        mongoc_cursor_destroy(cursor);
        if (failed) throw std::runtime_error(error.message);
    }

    void add(Task& task, const std::string& userId, const std::string& name) override {
        Borrowed borrowed(pool_, database_);
        bson_oid_t id;
        bson_oid_init(&id, nullptr);
        const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count();
        Bson document(BCON_NEW("_id", BCON_OID(&id), "userId", BCON_UTF8(userId.c_str()), "name",
                               BCON_UTF8(name.c_str()), "createdOn", BCON_DATE_TIME(now), "done", BCON_BOOL(false)));
        bson_error_t error;
        if (!mongoc_collection_insert_one(borrowed.collection, document.get(), nullptr, nullptr, &error)) {
            throw std::runtime_error(error.message);
        }
        fill(task, document.get());
    }

    void update(Task& task, const std::string& taskId, const std::string& name, const bool done,
                const std::string& userId) override {
        if (!bson_oid_is_valid(taskId.c_str(), taskId.size())) throw failure(400, "no id");
        Borrowed borrowed(pool_, database_);
        bson_oid_t id;
        bson_oid_init_from_string(&id, taskId.c_str());
        Bson filter(BCON_NEW("_id", BCON_OID(&id), "userId", BCON_UTF8(userId.c_str())));
        Bson change(BCON_NEW("$set", "{", "name", BCON_UTF8(name.c_str()), "done", BCON_BOOL(done), "}"));
        mongoc_find_and_modify_opts_t* options = mongoc_find_and_modify_opts_new();
        mongoc_find_and_modify_opts_set_update(options, change.get());
        mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_RETURN_NEW);
        bson_t reply;
        bson_error_t error;
        const bool worked = mongoc_collection_find_and_modify_with_opts(borrowed.collection, filter.get(), options,
                                                                        &reply, &error);
        mongoc_find_and_modify_opts_destroy(options);
        bson_iter_t value;
        bson_t document;
        const bool found = worked && bson_iter_init_find(&value, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&value);
        if (found) {
            std::uint32_t length;
            const std::uint8_t* bytes;
            bson_iter_document(&value, &length, &bytes);
            bson_init_static(&document, bytes, length);
            fill(task, &document);
        }
        bson_destroy(&reply);
        if (!worked) throw std::runtime_error(error.message);
        if (!found) throw failure(404, "no such task");
    }

    void upsert(Task&, const Task&) override { throw failure(501, "is not measured"); }

private:
    mongoc_client_pool_t* pool_;
    std::string database_;
};

}  // namespace

int main(int, char** arguments) {
    using namespace apache::thrift;
    mongoc_init();
    mongoc_uri_t* uri = mongoc_uri_new(arguments[2]);
    // As many connections to MongoDB as there are callers; the default is a hundred.
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 512);
    auto handler = std::make_shared<Handler>(mongoc_client_pool_new(uri), arguments[3]);
    server::TThreadedServer server(
        std::make_shared<TasksProcessor>(handler),
        std::make_shared<transport::TServerSocket>("127.0.0.1", std::atoi(arguments[1])),
        std::make_shared<transport::TFramedTransportFactory>(), std::make_shared<protocol::TBinaryProtocolFactory>());
    server.serve();
}
