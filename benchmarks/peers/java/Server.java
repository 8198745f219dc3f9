import static com.mongodb.client.model.Filters.and;
import static com.mongodb.client.model.Filters.eq;
import static com.mongodb.client.model.Sorts.descending;
import static com.mongodb.client.model.Updates.combine;
import static com.mongodb.client.model.Updates.set;

import com.mongodb.MongoClient;
import com.mongodb.MongoClientOptions;
import com.mongodb.MongoClientURI;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.ReturnDocument;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.layered.TFramedTransport;
import org.bson.Document;
import org.bson.types.ObjectId;

/**
 * The tutorial's calls in Java, as the documentation of both libraries shows: https://thrift.apache.org/tutorial/java,
 * https://www.mongodb.com/docs/drivers/java. Arguments: port, MongoDB's URI, database.
 */
public final class Server implements Tasks.Iface {
    private static final FindOneAndUpdateOptions AFTER =
            new FindOneAndUpdateOptions().returnDocument(ReturnDocument.AFTER);

    private final MongoCollection<Document> tasks;

    private Server(MongoCollection<Document> tasks) {
        this.tasks = tasks;
    }

    private static Task toTask(Document document) {
        Task task = new Task();
        task.setId(document.getObjectId("_id").toHexString());
        task.setUserId(document.getString("userId"));
        task.setName(document.getString("name"));
        task.setCreatedOn(document.getDate("createdOn").toInstant().toString());
        task.setDone(document.getBoolean("done"));
        return task;
    }

    @Override
    public List<Task> all(String userId) {
        List<Task> found = new ArrayList<>();
        for (Document document : tasks.find(eq("userId", userId)).sort(descending("createdOn", "_id"))) {
            found.add(toTask(document));
        }
        return found;
    }

    @Override
    public Task add(String userId, String name) {
        Document document =
                new Document("userId", userId).append("name", name).append("createdOn", new Date()).append("done", false);
        tasks.insertOne(document);
        return toTask(document);
    }

    @Override
    public Task update(String taskId, String name, boolean done, String userId) throws BaseException {
        Document document = tasks.findOneAndUpdate(
                and(eq("_id", new ObjectId(taskId)), eq("userId", userId)),
                combine(set("name", name), set("done", done)),
                AFTER);
        if (document == null) {
            throw new BaseException(404, "no such task");
        }
        return toTask(document);
    }

    @Override
    public Task upsert(Task task) throws BaseException {
        throw new BaseException(501, "is not measured");
    }

    public static void main(String[] args) throws Exception {
        // As many connections to MongoDB as there are callers; the default is a hundred.
        MongoClientOptions.Builder options = MongoClientOptions.builder().connectionsPerHost(512);
        MongoClient client = new MongoClient(new MongoClientURI(args[1], options));
        Server handler = new Server(client.getDatabase(args[2]).getCollection("tasks"));
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
        new TThreadPoolServer(new TThreadPoolServer.Args(new TServerSocket(address))
                        .processor(new Tasks.Processor<>(handler))
                        .transportFactory(new TFramedTransport.Factory())
                        .protocolFactory(new TBinaryProtocol.Factory()))
                .serve();
    }
}
